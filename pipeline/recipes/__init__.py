"""The recipes that ship: llama1 and demo."""
