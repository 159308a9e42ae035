//! Nothing is built; a build script is what makes cargo read the build dependencies.

fn main() {}
