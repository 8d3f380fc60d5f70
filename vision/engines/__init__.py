"""What answers: models in this process and servers elsewhere, behind one protocol. Uses no room of answers."""
