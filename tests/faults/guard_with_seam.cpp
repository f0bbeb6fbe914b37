// The guard of keeper_faulty: its calls are those of instead/keeper/survive/bare_calls.hpp, and it is entered
// by main.
#include "keeper/survive/guard.cpp"
