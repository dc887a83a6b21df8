//! The language, subject by subject.

mod examples;
