"""What happens while a network trains, as Keras callbacks."""
