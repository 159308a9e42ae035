//! What is done with a finished picture: the [`camera`] looks at it from elsewhere, and [`perception`] measures how far two
//! of them lie apart for the eye.

pub mod camera;
pub mod perception;
