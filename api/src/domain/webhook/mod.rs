//! stub
use crate::{app::App, domain::Result};
use entity::Uuid;
#[derive(Debug, Default)]
pub struct CalComSecrets;
impl CalComSecrets {
    pub fn new(_: Vec<secrecy::SecretString>) -> Self {
        Self
    }
}
pub async fn project(_: &App, _: Uuid) -> Result<()> {
    Ok(())
}
pub async fn give_up(_: &App, _: Uuid, _: &str) -> Result<()> {
    Ok(())
}
