"""What made the model that ships: data engines and training stages."""
