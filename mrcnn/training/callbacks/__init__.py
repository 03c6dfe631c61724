"""Keras callbacks: what happens while a network trains."""
