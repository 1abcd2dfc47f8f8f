module bench

go 1.25.0
