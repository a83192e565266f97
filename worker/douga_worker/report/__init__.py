"""The report: one static page on which a person judges a whole job at a glance."""
