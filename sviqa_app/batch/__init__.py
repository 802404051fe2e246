"""A folder of pictures and questions becomes a table."""
