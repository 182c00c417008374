"""Pure rules: no Flask, no database, no clock. Instants are arguments, aware and in UTC."""
