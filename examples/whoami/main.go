// Whoami answers every request with what it knows about itself and about the request.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sort"
	"time"

	"github.com/gorilla/mux"
)

func main() {
	port := flag.String("port", "80", "the port to listen on")
	name := flag.String("name", "", "a name to answer with")
	flag.Parse()

	server := &http.Server{
		Addr:              net.JoinHostPort("", *port),
		Handler:           routes(*name),
		ReadHeaderTimeout: 10 * time.Second,
	}
	log.Printf("listening on port %s", *port)
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		log.Fatal(err)
	}
}

func routes(name string) http.Handler {
	router := mux.NewRouter()
	router.HandleFunc("/health", func(writer http.ResponseWriter, _ *http.Request) {
		writer.WriteHeader(http.StatusOK)
	})
	router.PathPrefix("/").HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		describe(writer, name, request)
	})
	return router
}

// describe writes one fact a line: name, host, addresses, then the request as it came.
func describe(writer io.Writer, name string, request *http.Request) {
	if name != "" {
		fmt.Fprintln(writer, "Name:", name)
	}
	if hostname, err := os.Hostname(); err == nil {
		fmt.Fprintln(writer, "Hostname:", hostname)
	}
	for _, address := range addresses() {
		fmt.Fprintln(writer, "IP:", address)
	}
	fmt.Fprintln(writer, "RemoteAddr:", request.RemoteAddr)
	fmt.Fprintln(writer, request.Method, request.URL.RequestURI(), request.Proto)
	fmt.Fprintln(writer, "Host:", request.Host)
	for _, header := range sortedNames(request.Header) {
		for _, value := range request.Header[header] {
			fmt.Fprintf(writer, "%s: %s\n", header, value)
		}
	}
}

func addresses() []string {
	found, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var texts []string
	for _, address := range found {
		if network, ok := address.(*net.IPNet); ok {
			texts = append(texts, network.IP.String())
		}
	}
	return texts
}

func sortedNames(header http.Header) []string {
	names := make([]string, 0, len(header))
	for name := range header {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
