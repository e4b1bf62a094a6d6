module github.com/pyproctest/pyproctest

go 1.26
