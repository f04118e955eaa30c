package main

// bootstrap returns the statements that make an empty database the project's.
func (p *project) bootstrap() []string { return nil }
