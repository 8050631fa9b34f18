"""Apache Beam, storage and the command line: the only package that imports apache_beam."""
