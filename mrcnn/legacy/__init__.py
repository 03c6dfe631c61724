"""What only projects written for the reference call."""
