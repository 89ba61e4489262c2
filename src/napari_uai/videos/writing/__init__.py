"""Files written from videos: arrays, movies, pictures."""
