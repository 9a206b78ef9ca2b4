mod compare;
mod exchange;
mod inputs;
mod refusals;
mod replay;
mod results;
mod tokens;
mod tolerance;
