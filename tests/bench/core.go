// What goroutines cost, beside proa's tasks in the same run, one JSON line a fact.
//
//	core [JSON]        JSON: the lines that bench_core printed a moment ago
//	core sleep N       so many goroutines at once, in a process that has done nothing else
//
// Each time is the median of several runs in nanoseconds of processor time an operation, as bench_core has it, with
// one processor (GOMAXPROCS 1), since a loop has one; post uses two. Each case does what the case of that name does
// there.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math/rand"
	"os"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	runs  = 15
	batch = 512
	many  = 1000000
)

func spawnJoin(n int) {
	var group sync.WaitGroup
	for done := 0; done < n; done += batch {
		group.Add(batch)
		for i := 0; i < batch; i++ {
			go group.Done()
		}
		group.Wait()
	}
}

func spawnJoinRef(n int) {
	for i := 0; i < n; i++ {
		ended := make(chan struct{})
		go close(ended)
		<-ended
	}
}

func yieldAmong(n, tasks int) {
	var group sync.WaitGroup
	group.Add(tasks)
	for i := 0; i < tasks; i++ {
		go func() {
			for k := 0; k < n/tasks; k++ {
				runtime.Gosched()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func hops(n, capacity int) {
	c := make(chan int, capacity)
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
		group.Done()
	}()
	go func() {
		for i := 0; i < n; i++ {
			<-c
		}
		group.Done()
	}()
	group.Wait()
}

func selectThree(n int) {
	c := make(chan int, 1)
	idle := make(chan int)
	event := make(chan struct{})
	var group sync.WaitGroup
	group.Add(2)
	go func() {
		for i := 0; i < n; i++ {
			c <- i
		}
		group.Done()
	}()
	go func() {
		for i := 0; i < n; i++ {
			select {
			case <-c:
			case <-event:
			case <-idle:
			}
		}
		group.Done()
	}()
	group.Wait()
}

func lockUnlock(n int) {
	var lock sync.Mutex
	for i := 0; i < n; i++ {
		lock.Lock()
		lock.Unlock()
	}
}

func lockContended(n int) {
	var lock sync.Mutex
	var group sync.WaitGroup
	group.Add(2)
	for k := 0; k < 2; k++ {
		go func() {
			for i := 0; i < n/2; i++ {
				lock.Lock()
				runtime.Gosched()
				lock.Unlock()
			}
			group.Done()
		}()
	}
	group.Wait()
}

func semaphoreTakeGive(n int) {
	permits := make(chan struct{}, 1)
	for i := 0; i < n; i++ {
		permits <- struct{}{}
		<-permits
	}
}

func nothing() {}

func timerArmCancel(n int) {
	for i := 0; i < n; i++ {
		time.AfterFunc(time.Second, nothing).Stop()
	}
}

var timers []*time.Timer

func withinAnHour() time.Duration {
	return time.Minute + time.Duration(rand.Int63n(int64(time.Hour)))
}

func timerAmongMillion(n int) {
	for i := 0; i < n; i++ {
		k := rand.Intn(len(timers))
		timers[k].Stop()
		timers[k] = time.AfterFunc(withinAnHour(), nothing)
	}
}

func gather(n int, call func()) {
	var group sync.WaitGroup
	group.Add(n)
	for i := 0; i < n; i++ {
		go func() {
			call()
			group.Done()
		}()
	}
	group.Wait()
}

// From another thread to one that runs what it is sent.
func post(n int) {
	calls := make(chan func(), 1024)
	go func() {
		for i := 0; i < n; i++ {
			calls <- nothing
		}
		close(calls)
	}()
	for call := range calls {
		call()
	}
}

type fact struct {
	Bench     string  `json:"bench"`
	Name      string  `json:"name"`
	Unit      string  `json:"unit"`
	Median    float64 `json:"median"`
	TimesProa float64 `json:"times_proa,omitempty"`
}

type sleepers struct {
	Bench string `json:"bench"`
	Name  string `json:"name"`
	Unit  string `json:"unit"`
	Tasks int    `json:"tasks"`
	Bytes int    `json:"bytes"`
}

func cpu() float64 {
	var use syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return float64(use.Utime.Nano() + use.Stime.Nano())
}

func median(n int, run func(int)) float64 {
	run(n) // warms up
	ns := make([]float64, runs)
	for i := range ns {
		began := cpu()
		run(n)
		ns[i] = (cpu() - began) / float64(n)
	}
	sort.Float64s(ns)
	return ns[runs/2]
}

func print(line interface{}) {
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

func round(x float64) float64 {
	return float64(int(x*10+0.5)) / 10
}

func measure(ours map[string]float64, name string, n int, run func(int)) {
	f := fact{"go", name, "cpu ns", round(median(n, run)), 0}
	if ours[name] > 0 {
		f.TimesProa = round(f.Median / ours[name])
	}
	print(f)
}

func pss() int {
	file, err := os.Open("/proc/self/smaps_rollup")
	if err != nil {
		return 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == "Pss:" {
			kb, _ := strconv.Atoi(fields[1])
			return kb * 1024
		}
	}
	return 0
}

func sleep(n int) {
	runtime.GC()
	before := pss()
	for i := 0; i < n; i++ {
		go time.Sleep(time.Hour)
	}
	for i := 0; i < 3; i++ {
		runtime.Gosched()
	}
	time.Sleep(100 * time.Millisecond)
	print(sleepers{"go", "sleeping_task", "bytes", n, (pss() - before) / n})
}

func read(path string) map[string]float64 {
	ours := map[string]float64{}
	file, err := os.Open(path)
	if err != nil {
		return ours
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var f fact
		if json.Unmarshal(lines.Bytes(), &f) == nil {
			ours[f.Name] = f.Median
		}
	}
	return ours
}

func main() {
	runtime.GOMAXPROCS(1)
	if len(os.Args) > 2 {
		count, _ := strconv.Atoi(os.Args[2])
		sleep(count)
		return
	}
	ours := map[string]float64{}
	if len(os.Args) > 1 {
		ours = read(os.Args[1])
	}
	measure(ours, "spawn_join", 1<<18, spawnJoin)
	measure(ours, "spawn_join_ref", 1<<16, spawnJoinRef)
	measure(ours, "switch_2_tasks", 1<<19, func(n int) { yieldAmong(n, 2) })
	measure(ours, "switch_1000_tasks", 1<<19, func(n int) { yieldAmong(n, 1000) })
	measure(ours, "queue_hop", 1<<18, func(n int) { hops(n, 1) })
	measure(ours, "channel_meet", 1<<18, func(n int) { hops(n, 0) })
	measure(ours, "channel_hop", 1<<18, func(n int) { hops(n, 1) })
	measure(ours, "select_3", 1<<18, selectThree)
	measure(ours, "lock_unlock", 1<<21, lockUnlock)
	measure(ours, "lock_contended", 1<<18, lockContended)
	measure(ours, "semaphore_take_give", 1<<20, semaphoreTakeGive)
	measure(ours, "gather_never_suspends", 100000, func(n int) { gather(n, nothing) })
	measure(ours, "gather_yields_once", 100000, func(n int) { gather(n, runtime.Gosched) })
	measure(ours, "timer_arm_cancel", 1<<18, timerArmCancel)
	for i := 0; i < many; i++ {
		timers = append(timers, time.AfterFunc(withinAnHour(), nothing))
	}
	measure(ours, "timer_among_million", 1<<17, timerAmongMillion)
	for _, t := range timers {
		t.Stop()
	}
	timers = nil
	runtime.GOMAXPROCS(2)
	measure(ours, "post", 1<<18, post)
}
