//! JSON pointers (RFC 6901), made into text only when something is wrong.

use std::fmt;

/// A place in a document, as a path of steps that live on the stack of whoever reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Pointer<'a> {
    /// The whole document.
    Root,
    /// A member of an object.
    Key(&'a Pointer<'a>, &'a str),
    /// An element of an array.
    Index(&'a Pointer<'a>, usize),
}

impl Pointer<'_> {
    pub(crate) fn key<'b>(&'b self, name: &'b str) -> Pointer<'b> {
        Pointer::Key(self, name)
    }

    pub(crate) fn index(&self, index: usize) -> Pointer<'_> {
        Pointer::Index(self, index)
    }
}

impl fmt::Display for Pointer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Key(parent, name) => {
                parent.fmt(f)?;
                f.write_str("/")?;
                for c in name.chars() {
                    match c {
                        '~' => f.write_str("~0")?,
                        '/' => f.write_str("~1")?,
                        c => write!(f, "{c}")?,
                    }
                }
                Ok(())
            }
            Self::Index(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}
