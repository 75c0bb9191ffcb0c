mod tokens;

use tokens::{Token, tokens};

#[derive(Debug, PartialEq)]
pub enum Error {
    Unreadable(char),
    Unfinished,
}

/// Computes a line such as `1 + 2 * 3`.
pub fn compute(line: &str) -> Result<i64, Error> {
    let tokens = tokens(line)?;
    let mut tokens = tokens.iter().copied().peekable();
    let mut sum = product(&mut tokens)?;
    while let Some(Token::Plus) = tokens.peek() {
        tokens.next();
        sum += product(&mut tokens)?;
    }
    match tokens.next() {
        None => Ok(sum),
        Some(_) => Err(Error::Unfinished),
    }
}

type Tokens<'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, Token>>>;

fn product(tokens: &mut Tokens<'_>) -> Result<i64, Error> {
    let mut product = number(tokens)?;
    while let Some(Token::Times) = tokens.peek() {
        tokens.next();
        product *= number(tokens)?;
    }
    Ok(product)
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, Error> {
    match tokens.next() {
        Some(Token::Number(value)) => Ok(value),
        _ => Err(Error::Unfinished),
    }
}
