package model

// call begins a forced sign-out.
func (m *step) call(w, k int) {
	x := &m.workers[w].x[k]
	m.tell("%s calls for message %d, delivery %d", name(w), k+1, x.n)
	m.checkCall(w, k)
	x.phase = calling
	x.called, x.reread = true, false
	if m.needsClaim(w, k) {
		x.claimed = false // renewed before each later call
	}
	x.calls = min(x.calls+1, maxAttempts)
	x.spent = min(x.spent+1, maxAttempts)
	x.run = run{running: true, limit: min(m.cfg.Call, m.cfg.AckWait-1-x.lease)}
	m.gateway.calls = min(m.gateway.calls+1, 3)
}

// work: the call takes effect.
func (m *step) work(r *run) {
	r.worked = true
	m.gateway.out = true
	m.tell("   the call signs the agent out")
	m.checkEffect()
}

// end is an answer of the gateway, or that there is none. What the worker makes of it
// comes later, where it is stopped.
func (m *step) end(w, k int, a answer) {
	r := &m.workers[w].x[k].run
	if a != success && (r.worked || !m.gateway.out) {
		m.left.trouble--
	}
	m.tell("   the gateway answers %s: %v", name(w), a)
	*r = run{answer: a}
}

// answered: what a call came to.
func (m *step) answered(w, k int) {
	x := &m.workers[w].x[k]
	a := x.run.answer
	x.run = run{}
	x.phase = ready
	switch a {
	case success:
		x.effect = claimed
		m.record(w, k, signedOut) // also where the lease is lost meanwhile
		return
	case lost:
		x.effect = possible
		x.unaskable = false
	case busy:
		x.spent-- // somebody is calling for this agent right now
		x.effect = possible
		x.unaskable = false
	}
	if m.leaseLost(x) {
		m.lose(w, k)
	}
}

// query asks for the agent's state.
func (m *step) query(w, k int, hindered bool) {
	x := &m.workers[w].x[k]
	switch {
	case m.cfg.NoQuery:
		m.tell("%s: the gateway offers no state query", name(w))
		x.unaskable = true
		x.reread = m.cfg.Skip.UnaskableUnread
	case hindered:
		m.tell("%s asks for the agent's state and gets no answer", name(w))
		x.spent = min(x.spent+1, maxAttempts)
		if m.cfg.Old.QuestionDropped {
			x.effect = none
		}
		x.gaveUp = x.spent >= maxAttempts
	case m.gateway.out:
		m.tell("%s asks for the agent's state: signed out", name(w))
		m.record(w, k, alreadyOut)
	default:
		m.tell("%s asks for the agent's state: signed in", name(w))
		x.effect = none
	}
}

// gatewayMoves lists how a call can go on.
func (m *step) gatewayMoves(at move, out []move) []move {
	r := &m.workers[at.w].x[at.k].run
	if !r.running {
		return out
	}
	if !m.gateway.out {
		out = append(out, move{act: workAct, w: at.w, k: at.k})
	}
	end := func(a answer) { out = append(out, move{endAct, at.w, at.k, a}) }
	switch {
	case r.worked:
		end(success)
		if m.left.trouble > 0 {
			end(lost)
		}
	case m.gateway.out:
		end(refused)
	case m.left.trouble > 0:
		end(refused)
		end(lost)
		end(busy)
	}
	return out
}
