package zkserver_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/holdfast-ha/holdfast/zkserver"
	"github.com/holdfast-ha/holdfast/zkserver/config"
)

type quietClient struct{}

func (quietClient) Printf(string, ...any) {}

// A server inside a program: configure, start, use it with any ZooKeeper client, shut it down. What was written is there
// when a server is started on the same directory again.
func Example() {
	dir, err := os.MkdirTemp("", "zkserver")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)

	cfg := config.Default()
	cfg.DataDir = dir
	cfg.ClientPortAddress = "127.0.0.1" // this machine only; ClientPort 0 takes any free port
	server, err := zkserver.New(cfg)    // with zkserver.WithLogger(l) it tells what it does
	if err != nil {
		fmt.Println(err)
		return
	}
	if err = server.Start(); err != nil { // recovers what is in dir, and serves
		fmt.Println(err)
		return
	}

	client, _, err := zk.Connect([]string{server.Addr().String()}, 10*time.Second, zk.WithLogger(quietClient{}))
	if err != nil {
		fmt.Println(err)
		return
	}
	path, err := client.Create("/greeting", []byte("hello"), 0, zk.WorldACL(zk.PermAll))
	fmt.Println(path, err)
	data, stat, err := client.Get("/greeting")
	fmt.Printf("%s, version %d, %v\n", data, stat.Version, err)
	client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println("shutdown:", server.Shutdown(ctx)) // finishes and answers what is under way, closes the log
	// Output:
	// /greeting <nil>
	// hello, version 0, <nil>
	// shutdown: <nil>
}

// A server that cannot make its state durable any more stops serving; the program around it is told through Failed.
func ExampleServer_Failed() {
	dir, err := os.MkdirTemp("", "zkserver")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	cfg := config.Default()
	cfg.DataDir = dir
	server, err := zkserver.New(cfg, zkserver.WithListener(listener))
	if err != nil {
		fmt.Println(err)
		return
	}
	if err = server.Start(); err != nil {
		fmt.Println(err)
		return
	}
	interrupted := make(chan os.Signal, 1) // signal.Notify(interrupted, os.Interrupt)
	interrupted <- os.Interrupt
	select {
	case <-server.Failed():
		fmt.Println("the server gave up:", server.Err())
	case <-interrupted:
		fmt.Println("stopping on request")
	}
	fmt.Println("shutdown:", server.Shutdown(context.Background()))
	// Output:
	// stopping on request
	// shutdown: <nil>
}
