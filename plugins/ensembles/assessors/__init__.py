"""What chains are judged by."""
