"""Commands of gdb for programs that use proa, alive or as a core dump:

    (gdb) source /usr/local/share/proa/proa-gdb.py
    (gdb) proa tasks            the tree of tasks: names, states, what they wait for
    (gdb) proa where            the same, each with the calls that it is in
    (gdb) proa bt TASK          the calls of one task, by its number or name

Needs the debug information of libproa (and of the program, for its own names). Knows the switch of
x86-64 and aarch64, and that of a build with ucontext. Changes neither registers nor memory.
"""

import gdb
import gdb.unwinder

STATES = ["free", "new", "ready", "running", "waiting", "done"]
NEW, READY, RUNNING, PARKED = 1, 2, 3, 4
ALIGN = 64
MAGIC_LOCK = 0x6C6F636B


class Error(Exception):
    """Something that the person is told in a sentence."""


# ---- what is there


def loops():
    """Each thread that has a loop, with the loop."""
    before = gdb.selected_thread()
    found = []
    try:
        for thread in sorted(gdb.selected_inferior().threads(), key=lambda t: t.num):
            thread.switch()
            try:
                loop = gdb.parse_and_eval("proa__loop_here")
            except gdb.error as error:
                raise Error("proa__loop_here cannot be read (%s); is this a program that uses proa, "
                            "and is libproa's debug information there?" % error)
            if int(loop):
                found.append((thread, loop.dereference()))
    finally:
        if before:
            before.switch()
    return found


def records(sched):
    """All tasks of a scheduler that have not ended."""
    task_type = gdb.lookup_type("struct proa_task")
    slab = sched["slabs"]
    while int(slab):
        room = slab["room"]
        at = (int(room.address) + ALIGN - 1) & ~(ALIGN - 1)
        first = gdb.Value(at).cast(task_type.pointer())
        for i in range((room.type.sizeof - ALIGN) // task_type.sizeof):
            task = first[i]
            if NEW <= int(task["state"]) <= PARKED and int(task["seq"]):
                yield task
        slab = slab["next"]


def number_of(task):
    return int(task["seq"]) - int(task["sched"]["first_seq"]) + 1


def name_of(task):
    if int(task["more"]) and int(task["more"]["name"]):
        return task["more"]["name"].string(errors="replace")
    return "task-%d" % number_of(task)


def parent_of(task):
    return int(task["root"]["parent"]["task"])


def tree(sched):
    """(depth, task), parents first."""
    children = {}
    for task in records(sched):
        children.setdefault(parent_of(task), []).append(task)
    for siblings in children.values():
        siblings.sort(key=number_of, reverse=True)
    rest = [(0, task) for task in children.get(0, [])]
    while rest:
        depth, task = rest.pop()
        yield depth, task
        rest.extend((depth + 1, child) for child in children.get(int(task.address), []))


def wait_of(task):
    if int(task["state"]) != PARKED or not int(task["waits"]):
        return ""
    what = task["waits"]["what"]
    if not int(what):
        return ""
    call = what["call"].string()
    on = int(task["waits"]["on"])
    if what == gdb.parse_and_eval("&proa__arm_waits"):
        arm = gdb.Value(on).cast(gdb.lookup_type("struct arm").pointer())
        call = arm["ops"]["call"].string()
        on = int(arm["object"])
    return " in " + call + (" on %#x%s" % (on, holder(on)) if on else "")


def holder(on):
    """Of a lock: who holds it."""
    try:
        lock = gdb.Value(on).cast(gdb.lookup_type("struct proa_lock").pointer())
        if int(lock["magic"]) != MAGIC_LOCK:
            return ""
        by = lock["own"]["by"]
        dead = gdb.lookup_type("struct proa_task").sizeof
        if int(by) == dead:
            return ", held by a task that has ended"
        return ", held by " + name_of(by.dereference()) if int(by) else ""
    except gdb.error:
        return ""


def line_of(depth, task):
    cancelled = "; cancelled" if int(task["scope"]["eff"]) else ""
    return "%s%s #%d: %s%s%s" % ("  " * min(depth, 24), name_of(task), number_of(task),
                                 STATES[int(task["state"])], wait_of(task), cancelled)


# ---- calls


def saved_registers(task):
    """What the switch has saved: see switch.S and coro.c."""
    sp = task["coro"]["sp"]
    words = sp.cast(gdb.lookup_type("unsigned long").pointer())
    arch = gdb.selected_inferior().architecture().name()
    if no_symbol("proa__coro_entry"):  # a build with ucontext
        regs = sp.cast(gdb.lookup_type("ucontext_t").pointer())["uc_mcontext"]
        if "x86-64" in arch:
            names = {"rip": 16, "rsp": 15, "rbp": 10, "rbx": 11,
                     "r12": 4, "r13": 5, "r14": 6, "r15": 7}
            return {name: int(regs["gregs"][i]) for name, i in names.items()}
        found = {"x%d" % i: int(regs["regs"][i]) for i in range(19, 31)}
        found.update(pc=int(regs["pc"]), sp=int(regs["sp"]))
        return found
    if "x86-64" in arch:
        names = ["r15", "r14", "r13", "r12", "rbx", "rbp", "rip"]
        found = {name: int(words[1 + i]) for i, name in enumerate(names)}
        found["rsp"] = int(sp) + 64
        return found
    if "aarch64" in arch:
        found = {"x%d" % (19 + i): int(words[2 + i]) for i in range(10)}
        found.update(x29=int(words[0]), x30=int(words[1]), pc=int(words[1]), sp=int(sp) + 176)
        return found
    raise Error("the switch of %s is not known here" % arch)


def no_symbol(name):
    try:
        gdb.parse_and_eval("&" + name)
        return False
    except gdb.error:
        return True


class FrameId:
    def __init__(self, sp, pc):
        self.sp = sp
        self.pc = pc


class TaskUnwinder(gdb.unwinder.Unwinder):
    """While `registers` is set, the selected thread's innermost frame was called by the task."""

    def __init__(self):
        super().__init__("proa tasks")
        self.registers = None
        self.innermost = 0

    def __call__(self, pending):
        if not self.registers:
            return None
        names = ("rsp", "rip") if "rsp" in self.registers else ("sp", "pc")
        sp = pending.read_register(names[0])
        if int(sp) != self.innermost:
            return None
        info = pending.create_unwind_info(FrameId(sp, pending.read_register(names[1])))
        for name, value in self.registers.items():
            like = pending.read_register(name)
            info.add_saved_register(name, gdb.Value(value).cast(like.type))
        return info


unwinder = TaskUnwinder()
gdb.unwinder.register_unwinder(None, unwinder, True)


def calls_of(thread, task):
    """Lines as `bt` prints them."""
    before = gdb.selected_thread()
    thread.switch()
    try:
        state = int(task["state"])
        if state == RUNNING:
            return gdb.execute("bt", to_string=True).splitlines()
        if state == NEW or not int(task["coro"]["stack"]["low"]):
            return ["(it has not begun)"]
        gdb.newest_frame().select()
        unwinder.innermost = int(gdb.parse_and_eval("(long)$sp"))
        unwinder.registers = saved_registers(task)
        gdb.invalidate_cached_frames()
        lines = gdb.execute("bt", to_string=True).splitlines()
        return [line for line in lines if not line.startswith("#0 ")]
    finally:
        unwinder.registers = None
        gdb.invalidate_cached_frames()
        before.switch()


# ---- commands


def show(with_calls):
    found = loops()
    if not found:
        print("no thread has a loop of proa")
    for thread, loop in found:
        if not int(loop["sched"]):
            print("thread %d: a loop that does not run" % thread.num)
            continue
        tasks = list(tree(loop["sched"].dereference()))
        print("thread %d: %d tasks" % (thread.num, len(tasks)))
        for depth, task in tasks:
            print(line_of(depth, task))
            for line in calls_of(thread, task) if with_calls else ():
                print("%s    %s" % ("  " * min(depth, 24), line))


def show_one(which):
    for thread, loop in loops():
        if not int(loop["sched"]):
            continue
        for task in records(loop["sched"].dereference()):
            if which in (name_of(task), str(number_of(task)), "#%d" % number_of(task)):
                print("thread %d: %s" % (thread.num, line_of(0, task)))
                print("\n".join(calls_of(thread, task)))
                return
    raise Error("no task is called %s" % which)


class Proa(gdb.Command):
    """proa tasks | proa where | proa bt TASK: the tasks of a program that uses proa."""

    def __init__(self):
        super().__init__("proa", gdb.COMMAND_STACK)

    def invoke(self, argument, from_tty):
        words = gdb.string_to_argv(argument)
        try:
            if gdb.selected_thread() is None:
                raise Error("there is no process and no core dump to look at")
            if words == ["tasks"]:
                show(False)
            elif words == ["where"]:
                show(True)
            elif len(words) == 2 and words[0] == "bt":
                show_one(words[1])
            else:
                raise Error("proa tasks, proa where, or proa bt TASK")
        except Error as error:
            raise gdb.GdbError(str(error))


Proa()
