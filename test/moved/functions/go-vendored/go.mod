module handler/function

go 1.24.0

require example.com/private/greeting v1.2.0
