"""What a person writes, read into settings; every error names its line and key."""
