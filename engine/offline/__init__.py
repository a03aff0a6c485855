"""The demonstration brain in parts: reading a request, listening, finding, wording, summing up."""
