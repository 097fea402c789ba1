"""What is reported, decided from what was observed. Pure: observations and time come in, a status goes out."""
