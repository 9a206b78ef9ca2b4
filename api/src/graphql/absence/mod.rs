//! Absences: object, inputs and mutations.

pub mod input;
pub mod mutation;
pub mod object;

pub use mutation::AbsenceMutation;
pub use object::Absence;
