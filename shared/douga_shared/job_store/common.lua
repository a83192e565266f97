-- Before every script of a job: what its keys are, and what several scripts do.

local JOB, DONE, FAILED, ATTEMPTS, DEAD = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

-- The server's clock, for everybody: those of workers and producers differ.
local function now()
    local time = redis.call('TIME')
    return time[1] .. '.' .. string.format('%06d', time[2])
end

-- Let the job live for so many seconds from now. Also the first write of the scripts that must work in a
-- full Redis: it needs no memory, and once a script has written, its other writes are let through.
local function renew(seconds)
    for i = 1, 5 do
        redis.call('EXPIRE', KEYS[i], seconds)
    end
end

-- Number of recorded frames, or nil for a job that is not known, or damaged.
local function known_total()
    return tonumber(redis.call('HGET', JOB, 'total') or nil)
end

local function is_recorded(index, total)
    local number = tonumber(index)
    return number >= 0 and number < total
end

-- An attempt is remembered as '<number> <call>': the call's own random word, so that a call repeated
-- after its answer was lost counts once. The number is negative while the frame is handed back.
local function number_of(attempt)
    return attempt and tonumber(string.match(attempt, '^%-?%d+')) or 0
end

local function drop_attempt(index)
    local attempt = redis.call('HGET', ATTEMPTS, index)
    if attempt then
        redis.call('HDEL', ATTEMPTS, index)
        if number_of(attempt) < 0 then
            redis.call('HINCRBY', JOB, 'resting', -1)
        end
    end
end

-- Complete the job if nothing is left; 1 for the one call that does, also when that call is repeated.
local function complete(call)
    local job = redis.call('HMGET', JOB, 'is_listed', 'total', 'done', 'failed', 'completed_at', 'completed_by')
    if job[5] then
        return job[6] == call and 1 or 0
    end
    if job[1] ~= '1' or tonumber(job[3]) + tonumber(job[4]) < tonumber(job[2]) then
        return 0
    end
    redis.call('HSET', JOB, 'completed_at', now(), 'completed_by', call)
    return 1
end

local function uncomplete()
    redis.call('HDEL', JOB, 'completed_at', 'completed_by', 'is_accounted')
end
