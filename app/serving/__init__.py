"""What serving more than one person takes."""
