package elector

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"go.uber.org/zap"
)

// The ConnectRequest as it goes out, with the length before it:
//
//	length 4 | protocol version 4 | last zxid seen 8 | timeout 4 | session 8 | password length 4 | password 16 | …
//
// and the ConnectResponse: length 4 | protocol version 4 | timeout 4 | session 8 | password length 4 | password 16 | ….
const (
	sessionAt   = 20
	passwordAt  = 32
	passwordLen = 16
	maxResponse = 1 << 10
)

// ticket is a session's id and password, kept in a file so that a controller which is started again goes on with the
// session of its predecessor: its lock has then never been free, and the other nodes notice nothing. Whoever can read
// the file can take the lock, so it is for its owner's eyes only. A ticket that is not valid any more costs one
// connection.
type ticket struct {
	file string
	log  *zap.Logger

	mu       sync.Mutex
	session  int64
	password []byte
	void     bool
}

type ticketFile struct {
	Session  string `json:"session"`  // hex
	Password string `json:"password"` // hex
}

// readTicket reads the file; one that is not there, or not to be trusted, is a ticket for a new session.
func readTicket(file string, log *zap.Logger) *ticket {
	t := &ticket{file: file, log: log}
	text, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return t
	}
	if err == nil {
		err = t.parse(text)
	}
	if err == nil && runtime.GOOS != "windows" {
		if st, failed := os.Stat(file); failed == nil && st.Mode().Perm()&0o077 != 0 {
			err = fmt.Errorf("others may read or write it (mode %s)", st.Mode().Perm())
		}
	}
	if err != nil {
		log.Warn("the session of an earlier run is not resumed; a new one begins", zap.String("file", file), zap.Error(err))
		t.session, t.password = 0, nil
	}
	return t
}

func (t *ticket) parse(text []byte) error {
	var f ticketFile
	if err := json.Unmarshal(text, &f); err != nil {
		return fmt.Errorf("not a session file: %w", err)
	}
	var id uint64
	if _, err := fmt.Sscanf(f.Session, "0x%x", &id); err != nil || id == 0 {
		return fmt.Errorf("not a session file: session %q", f.Session)
	}
	password, err := hex.DecodeString(f.Password)
	if err != nil || len(password) != passwordLen {
		return fmt.Errorf("not a session file: the password has not %d bytes", passwordLen)
	}
	t.session, t.password = int64(id), password
	return nil
}

// present puts the ticket into a ConnectRequest that asks for a new session. The frame is changed in place.
func (t *ticket) present(frame []byte) {
	if t == nil || len(frame) < passwordAt+passwordLen || binary.BigEndian.Uint64(frame[sessionAt:]) != 0 ||
		binary.BigEndian.Uint32(frame[passwordAt-4:]) != passwordLen {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == 0 || t.void {
		return
	}
	binary.BigEndian.PutUint64(frame[sessionAt:], uint64(t.session))
	copy(frame[passwordAt:], t.password)
}

// issued takes note of the body of a ConnectResponse: a new session is kept in the file, one that is over ends the ticket.
func (t *ticket) issued(body []byte) {
	const session, password = 8, 20 // without the length
	if t == nil || len(body) < password+passwordLen || binary.BigEndian.Uint32(body[password-4:]) != passwordLen {
		return
	}
	id := int64(binary.BigEndian.Uint64(body[session:]))
	if id == 0 {
		t.tear()
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == id || t.void {
		return
	}
	t.session, t.password = id, append([]byte(nil), body[password:password+passwordLen]...)
	if err := t.write(); err != nil {
		t.log.Warn("the session cannot be kept for a restart: a zkfc that is started again waits for its old session to expire",
			zap.String("file", t.file), zap.Error(err))
	}
}

func (t *ticket) write() error {
	text, err := json.Marshal(ticketFile{Session: fmt.Sprintf("0x%x", uint64(t.session)), Password: hex.EncodeToString(t.password)})
	if err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(t.file), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(t.file), ".session") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), t.file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}

// tear ends the ticket: its session is over.
func (t *ticket) tear() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.void {
		return
	}
	t.void, t.session, t.password = true, 0, nil
	if err := os.Remove(t.file); err != nil && !os.IsNotExist(err) {
		t.log.Warn("the file of a session that is over cannot be removed", zap.String("file", t.file), zap.Error(err))
	}
}
