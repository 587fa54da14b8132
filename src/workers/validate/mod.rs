//! Which objects of the kinds of workers are refused, and which are warned about.
