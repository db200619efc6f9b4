# What RDS itself works with: a role that writes below one prefix, and the key that it encrypts each export with.

resource "aws_iam_role" "export" {
  name        = "${local.name}-writer"
  description = "What RDS may do to export snapshots into the lake"
  tags        = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "export.rds.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "export" {
  name = "own"
  role = aws_iam_role.export.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      # As AWS documents it, stars and all: RDS looks whether the role may before it exports.
      { Sid = "WriteExports", Effect = "Allow", Action = ["s3:DeleteObject*", "s3:GetObject*", "s3:PutObject*"], Resource = [local.exports] },
      { Sid = "FindExports", Effect = "Allow", Action = ["s3:GetBucketLocation", "s3:ListBucket"], Resource = [local.raw_arn] },
      {
        Sid    = "Encrypt"
        Effect = "Allow"
        Action = [
          "kms:CreateGrant", "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext", "kms:ReEncryptFrom",
          "kms:ReEncryptTo", "kms:RetireGrant",
        ]
        Resource = [aws_kms_key.exports.arn]
      },
    ]
  })
}

resource "aws_kms_key" "exports" {
  description             = "Exports of snapshots into the lake ${var.prefix}"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  tags                    = var.tags

  # Who may use it, the roles' own policies say.
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Account"
      Effect    = "Allow"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
}

resource "aws_kms_alias" "exports" {
  name          = "alias/${local.name}"
  target_key_id = aws_kms_key.exports.key_id
}
