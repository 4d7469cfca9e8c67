"""The repositories, one file for each: its statements, and the methods that its port promises."""
