//! No code. The manifest lists features of dependencies, so that cargo builds each dependency once, whichever crate of the
//! workspace is asked for.
