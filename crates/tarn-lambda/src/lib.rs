//! What every Lambda function shares.
