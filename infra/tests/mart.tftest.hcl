# A mart's function reads its own secret, or logs in as its own user.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  prefix          = "tarn-shop"
  mart            = "reporting"
  url             = "mysql://tarn@db.example.com:3306/reporting"
  subnets         = ["subnet-1"]
  security_groups = ["sg-1"]
  bucket          = "shop-lake"
  raw_bucket      = "shop-raw"
  functions       = "tests/functions"
  machines        = "../statemachines"
}

run "by_token" {
  module {
    source = "./modules/mart"
  }

  assert {
    condition     = local.log_in.actions == ["rds-db:connect"] && local.log_in.resources == ["arn:aws:rds-db:ap-northeast-1:111122223333:dbuser:*/tarn"]
    error_message = "without a secret the URL's user logs in by a token"
  }
  assert {
    condition     = output.function_name == "tarn-shop-mart-load-reporting"
    error_message = "the function is named after its mart"
  }
}

run "by_secret" {
  module {
    source = "./modules/mart"
  }

  variables {
    secret = "shop/reporting"
  }

  assert {
    condition     = local.log_in.resources == ["arn:aws:secretsmanager:ap-northeast-1:111122223333:secret:mock-AbCdEf"]
    error_message = "one secret is read, the named one"
  }
}

run "by_secrets_arn" {
  module {
    source = "./modules/mart"
  }

  variables {
    secret = "arn:aws:secretsmanager:ap-northeast-1:111122223333:secret:shop/reporting-AbCdEf"
  }

  assert {
    condition     = local.log_in.resources == ["arn:aws:secretsmanager:ap-northeast-1:111122223333:secret:shop/reporting-AbCdEf"]
    error_message = "an ARN is taken as it is"
  }
}

run "rows_by_way_of_the_bucket" {
  command = plan

  module {
    source = "./modules/mart"
  }

  variables {
    url = "mysql://tarn@db.example.com:3306/reporting?ca=/var/task/rds.pem&load=s3"
  }

  assert {
    condition     = local.by_s3
    error_message = "only a mart that reads rows from the bucket has them written there"
  }
}

run "rows_by_the_connection" {
  command = plan

  module {
    source = "./modules/mart"
  }

  variables {
    url = "mysql://tarn@db.example.com:3306/reporting?load=connection"
  }

  assert {
    condition     = !local.by_s3
    error_message = "a function writes nothing to the bucket unless its mart reads rows there"
  }
}

run "a_password_in_the_url" {
  command = plan

  module {
    source = "./modules/mart"
  }

  variables {
    url = "mysql://tarn:secret@db.example.com:3306/reporting"
  }

  expect_failures = [var.url]
}

run "a_laptops_mart" {
  command = plan

  module {
    source = "./modules/mart"
  }

  variables {
    url = "sqlite:reporting.db"
  }

  expect_failures = [var.url]
}

run "subnets_without_security_groups" {
  command = plan

  module {
    source = "./modules/mart"
  }

  variables {
    security_groups = []
  }

  expect_failures = [var.security_groups]
}
