//! Tables and properties of the normal forms: other spellings of one thing are one form, and no
//! spelling of another thing is.

mod destinations;
mod paths;
mod recipients;
mod respelling;
mod words;
