module github.com/openfaas-incubator/go-function-sdk

go 1.25.0
