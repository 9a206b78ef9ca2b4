//! The zones against an independent reading of their files, and the choice of the database.

mod choice;
mod comparison;
mod tzif;
