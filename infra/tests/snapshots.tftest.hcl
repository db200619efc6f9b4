# RDS is lent one role and one key, and writes below one prefix.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix     = "tarn-shop"
  bucket     = "shop-lake"
  raw_bucket = "shop-raw"
  database   = "tarn_shop"
  clusters   = ["crm"]
  functions  = "tests/functions"
  machines   = "../statemachines"
}

run "rights" {
  module {
    source = "./modules/snapshots"
  }

  assert {
    condition = one([
      for statement in jsondecode(aws_iam_role_policy.export.policy).Statement : statement.Resource if statement.Sid == "WriteExports"
    ]) == ["arn:aws:s3:::shop-raw/raw/aurora-exports/*"]
    error_message = "exports are written below their own prefix"
  }
  assert {
    condition     = jsondecode(aws_iam_role.export.assume_role_policy).Statement[0].Principal.Service == "export.rds.amazonaws.com"
    error_message = "the role is for exports alone"
  }
  assert {
    condition     = jsondecode(aws_iam_role.export.assume_role_policy).Statement[0].Condition.StringEquals["aws:SourceAccount"] == "111122223333"
    error_message = "RDS takes the role for this account's exports only"
  }
  assert {
    condition     = aws_kms_key.exports.enable_key_rotation && aws_kms_key.exports.deletion_window_in_days == 30
    error_message = "the key that all exports need does not go quickly"
  }
}

run "a_cluster_that_rds_would_not_name_so" {
  command = plan

  module {
    source = "./modules/snapshots"
  }

  variables {
    clusters = ["CRM cluster"]
  }

  expect_failures = [var.clusters]
}
