"""What is made of the text: thought and answer apart, numbered steps, and the arithmetic in them checked. Uses no engine."""
