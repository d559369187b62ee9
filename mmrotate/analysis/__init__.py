"""From files of results, annotations and logs to tables and pictures."""
