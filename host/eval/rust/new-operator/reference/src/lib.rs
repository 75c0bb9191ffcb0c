mod tokens;

use tokens::{Token, tokens};

#[derive(Debug, PartialEq)]
pub enum Error {
    Unreadable(char),
    Unfinished,
    DivisionByZero,
}

/// Computes a line such as `1 + 2 * 3`.
pub fn compute(line: &str) -> Result<i64, Error> {
    let tokens = tokens(line)?;
    let mut tokens = tokens.iter().copied().peekable();
    let mut sum = product(&mut tokens)?;
    while let Some(sign) = tokens.next_if(|token| matches!(token, Token::Plus | Token::Minus)) {
        let next = product(&mut tokens)?;
        if sign == Token::Plus { sum += next } else { sum -= next }
    }
    match tokens.next() {
        None => Ok(sum),
        Some(_) => Err(Error::Unfinished),
    }
}

type Tokens<'a> = std::iter::Peekable<std::iter::Copied<std::slice::Iter<'a, Token>>>;

fn product(tokens: &mut Tokens<'_>) -> Result<i64, Error> {
    let mut product = number(tokens)?;
    while let Some(sign) = tokens.next_if(|token| matches!(token, Token::Times | Token::Over)) {
        let next = number(tokens)?;
        product = match sign {
            Token::Times => product * next,
            _ => product.checked_div(next).ok_or(Error::DivisionByZero)?,
        };
    }
    Ok(product)
}

fn number(tokens: &mut Tokens<'_>) -> Result<i64, Error> {
    match tokens.next() {
        Some(Token::Number(value)) => Ok(value),
        _ => Err(Error::Unfinished),
    }
}
