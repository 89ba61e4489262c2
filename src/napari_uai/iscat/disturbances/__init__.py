"""What disturbs a recording: found in one pass, said in one line each, and cut out."""
