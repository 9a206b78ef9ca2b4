//! The code of a booking that people read to each other.

use entity::Uuid;

/// A short code for people: the random end of the id, in an alphabet without look-alike characters.
pub(crate) fn reference(id: Uuid) -> String {
    const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    let mut rest = id.as_u128();
    let mut code = String::from("CS-");
    for _ in 0..8 {
        code.push(char::from(LETTERS[(rest & 31) as usize]));
        rest >>= 5;
    }
    code
}
