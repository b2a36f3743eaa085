"""How any question is answered: 304 while nothing changed, else the kept answer or a new one."""
