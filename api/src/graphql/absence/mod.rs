//! Days on which coaches are away: what clients see of them, and what they can do with them.

pub mod input;
pub mod mutation;
pub mod object;

pub use mutation::AbsenceMutation;
pub use object::Absence;
