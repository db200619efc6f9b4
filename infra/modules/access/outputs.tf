output "people_policy_arn" {
  description = "ARN of the policy to attach to roles of people: with it they ask Athena, and Lake Formation says what they see."
  value       = aws_iam_policy.people.arn
}
