"""The proving ground: real processes under load that are killed, frozen and cut off, and then the books are checked.

`provider` is the one who charges, a process of its own that does with each prompt what the prompt says and writes down
every call. `fleet` starts, kills and freezes the processes of the service. `load` asks for pictures and remembers what
was acknowledged. `books` compares what was promised with what is there: rows, files, usage, calls. The tests put the
four together, each for one promise; `report` prints their figures as a table.

Short by default. How far a run goes is said by the environment:

    IMAGEGEN_TEST_CRASH_ROUNDS   how often something is killed (`nox -s crash`: 100)
    IMAGEGEN_TEST_CRASH_SCALE    `full` for the sizes of `nox -s crash` and `nox -s soak`
    IMAGEGEN_TEST_CRASH_SEED     what a run printed, to have the same requests and victims again
    IMAGEGEN_TEST_CRASH_FIGURES  a file to which each test adds its figures, a JSON object a line
"""
