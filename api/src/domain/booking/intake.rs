//! Validates a client's answers to the questions of an event type.

use std::collections::HashMap;

use entity::booking::Answer;
use entity::event_type::{AnswerKind, Question, Questions};
use serde::Serialize;

use crate::domain::Violation;
use crate::domain::money::decimal;
use crate::domain::text::Problems;

/// An answer as submitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AnswerInput {
    pub key: String,
    pub values: Vec<String>,
}

/// Maximum number of answers; more than any event type has questions.
const MAX_ANSWERS: usize = 100;
/// Maximum length of a number in characters.
const MAX_NUMBER_LENGTH: usize = 40;

/// Validates a reason: at most 500 characters, no control characters.
///
/// # Errors
/// `Invalid` at `reason`.
pub(super) fn check_reason(reason: Option<&str>) -> crate::domain::Result<()> {
    let mut problems = Problems::default();
    problems.lines("reason", reason.unwrap_or_default(), 0, 500);
    problems.finish()
}

/// The answers with their questions, or all violations.
pub(super) fn check(
    questions: &Questions,
    given: &[AnswerInput],
) -> Result<Vec<Answer>, Vec<Violation>> {
    if given.len() > MAX_ANSWERS {
        return Err(vec![Violation::at(
            "answers",
            format!("at most {MAX_ANSWERS} answers"),
        )]);
    }
    let mut violations = Vec::new();
    let mut by_key = HashMap::new();
    for (index, answer) in given.iter().enumerate() {
        if !questions
            .0
            .iter()
            .any(|question| question.key == answer.key)
        {
            violations.push(Violation::at(
                &format!("answers.{index}.key"),
                "there is no such question",
            ));
        } else if by_key
            .insert(answer.key.as_str(), (index, &answer.values))
            .is_some()
        {
            violations.push(Violation::at(
                &format!("answers.{index}.key"),
                "this question is answered twice",
            ));
        }
    }
    let mut answers = Vec::new();
    for question in &questions.0 {
        let given = by_key.get(question.key.as_str());
        let values = given
            .map(|(_, values)| values.as_slice())
            .unwrap_or_default();
        if values.iter().all(|value| value.trim().is_empty()) {
            if question.required {
                violations.push(Violation::at(
                    "answers",
                    format!("“{}” needs an answer", question.label),
                ));
            }
        } else if let Some(problem) = problem(question, values) {
            let index = given.map_or(0, |(index, _)| *index);
            violations.push(Violation::at(&format!("answers.{index}.values"), problem));
        } else {
            answers.push(Answer {
                key: question.key.clone(),
                label: question.label.clone(),
                kind: question.kind,
                values: values.to_vec(),
            });
        }
    }
    if violations.is_empty() {
        Ok(answers)
    } else {
        Err(violations)
    }
}

fn problem(question: &Question, values: &[String]) -> Option<String> {
    let one = question.kind != AnswerKind::MultipleChoice;
    if one && values.len() != 1 {
        return Some("exactly one value is needed".to_owned());
    }
    if values.len() > question.options.len().max(1) {
        return Some("there are more values than options".to_owned());
    }
    let is_odd = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    if values.iter().any(|value| value.contains(is_odd)) {
        return Some("must not contain control characters".to_owned());
    }
    if values
        .iter()
        .enumerate()
        .any(|(index, value)| values[..index].contains(value))
    {
        return Some("each option at most once".to_owned());
    }
    if question.kind == AnswerKind::ShortText
        && values.iter().any(|value| value.contains(['\n', '\r']))
    {
        return Some("must be one line".to_owned());
    }
    let longest = if question.kind == AnswerKind::LongText {
        5_000
    } else {
        500
    };
    values.iter().find_map(|value| match question.kind {
        AnswerKind::ShortText | AnswerKind::LongText => {
            (value.chars().count() > longest).then(|| format!("at most {longest} characters"))
        }
        AnswerKind::SingleChoice | AnswerKind::MultipleChoice => {
            (!question.options.contains(value))
                .then(|| format!("must be one of: {}", question.options.join(", ")))
        }
        AnswerKind::Boolean => {
            (value != "true" && value != "false").then(|| "must be true or false".to_owned())
        }
        AnswerKind::Number => {
            let is_number = value.len() <= MAX_NUMBER_LENGTH && decimal(value).is_some();
            (!is_number).then(|| "must be a decimal number".to_owned())
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(key: &str, kind: AnswerKind, required: bool, options: &[&str]) -> Question {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        Question {
            key: key.to_owned(),
            label: key.to_owned(),
            kind,
            required,
            options,
        }
    }

    fn answer(key: &str, values: &[&str]) -> AnswerInput {
        AnswerInput {
            key: key.to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
        }
    }

    fn paths(questions: Vec<Question>, given: &[AnswerInput]) -> Vec<String> {
        let found = check(&Questions(questions), given).expect_err("something is wrong");
        found.iter().map(Violation::path).collect()
    }

    #[test]
    fn every_kind_of_question_refuses_invalid_answers() {
        let cases: [(AnswerKind, &[&str], &[&str]); 6] = [
            (AnswerKind::ShortText, &["a", "b"], &[]),
            (AnswerKind::SingleChoice, &["c"], &["a", "b"]),
            (AnswerKind::MultipleChoice, &["a", "c"], &["a", "b"]),
            (AnswerKind::Boolean, &["yes"], &[]),
            (AnswerKind::Number, &["1e"], &[]),
            (AnswerKind::Boolean, &["true", "false"], &[]),
        ];
        for (kind, values, options) in cases {
            let found = paths(
                vec![question("q", kind, false, options)],
                &[answer("q", values)],
            );
            assert_eq!(found, ["answers.0.values"], "{kind:?} {values:?}");
        }
    }

    #[test]
    fn unknown_duplicate_and_missing_answers_are_reported_together() {
        let questions = vec![
            question("goal", AnswerKind::ShortText, true, &[]),
            question("budget", AnswerKind::Number, false, &[]),
        ];
        let given = [
            answer("budget", &["1"]),
            answer("budget", &["2"]),
            answer("other", &["x"]),
        ];
        assert_eq!(
            paths(questions, &given),
            ["answers.1.key", "answers.2.key", "answers"]
        );
    }

    #[test]
    fn an_answer_stores_the_text_of_its_question() {
        let questions = Questions(vec![question("goal", AnswerKind::ShortText, true, &[])]);
        let answers = check(&questions, &[answer("goal", &["More listings"])])
            .expect("it answers the question");
        assert_eq!(answers[0].label, "goal");
        assert_eq!(answers[0].values, ["More listings"]);
    }
}
