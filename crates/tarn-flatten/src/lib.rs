//! Nested JSON and DynamoDB JSON to flat records.
